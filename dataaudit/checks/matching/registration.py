"""Aligning one image with another and measuring the residual: the proof that two images show the same picture.

Images are float32 (n, channels, height, width) in [0, 1]. A warp is (scale_x, scale_y, shift_x, shift_y, turn) in the
sampling grid's coordinates, where the image spans -1 to 1: scales below 1 zoom in, `turn` is the sine of a small
rotation.
"""

import torch
from torch import Tensor
from torch.nn import functional

SCALES, SHIFTS, TURNS = (0.6, 1.6), (-0.5, 0.5), (-0.25, 0.25)
"""How far a warp may go."""
MIN_OVERLAP = 0.4
"""Share of the picture that must be compared for an alignment to count."""
COVERED, LEAVING_OUT = 0.15, 2.0
"""Share of the picture that may be left out as covered by something, and the evidence that this costs."""


def warp(images: Tensor, warps: Tensor) -> tuple[Tensor, Tensor]:
    """Images resampled under warps (n, 5), and masks (n, 1, height, width) of what came from inside them."""
    height, width = images.shape[2:]
    across, down = _centres(width), _centres(height)[:, None]
    scale_x, scale_y, shift_x, shift_y, turn = warps[:, :, None, None].unbind(1)
    x = scale_x * across + shift_x - turn * (height / width) * down
    y = scale_y * down + shift_y + turn * (width / height) * across
    inside = ((x.abs() <= 1) & (y.abs() <= 1))[:, None].to(images.dtype)
    return functional.grid_sample(images, torch.stack([x, y], -1), "bilinear", "border", align_corners=False), inside


def blur(images: Tensor, size: int = 3) -> Tensor:
    """Box blur that keeps the size."""
    edge = size // 2
    padded = functional.pad(images, (edge, edge, edge, edge), mode="replicate")
    for axis in (3, 2):  # sums of slices take a fifth of the time of avg_pool2d
        total = padded.narrow(axis, 0, images.shape[axis]).clone()
        for start in range(1, size):
            total += padded.narrow(axis, start, images.shape[axis])
        padded = total
    return padded.div_(size**2)


def correlation(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Pearson correlation (n,) over the mask, each channel about its own mean; 0 for a blank image."""
    a, b = _centred(a, mask), _centred(b, mask)
    tiny = 1e-6 * a[0].numel()
    norm = torch.sqrt((_masked_sum(a * a, mask) + tiny) * (_masked_sum(b * b, mask) + tiny))
    return _masked_sum(a * b, mask) / norm


def register(moving: Tensor, fixed: Tensor, start: Tensor, steps: int) -> Tensor:
    """Warps (n, 5) of `moving` that best match `fixed` up to gain and offset, by damped Gauss-Newton from `start`.

    A step that does not raise the correlation is not taken, so the result is never worse than the start.
    """
    warps = start.clone()
    damping = torch.full((len(start),), 1e-3)
    stacked = torch.cat([moving, *_slopes(moving)], 1)
    best, normal, gradient = _linearised(stacked, fixed, warps)
    for _ in range(steps):
        diagonal = normal.diagonal(dim1=1, dim2=2)
        step = torch.linalg.solve(normal + torch.diag_embed(diagonal * damping[:, None] + 1e-6), gradient)
        proposal = warps - step.clamp(-0.15, 0.15)
        scale, shift, turn = proposal.split_with_sizes([2, 2, 1], 1)
        proposal = torch.cat([scale.clamp(*SCALES), shift.clamp(*SHIFTS), turn.clamp(*TURNS)], 1)
        reached, new_normal, new_gradient = _linearised(stacked, fixed, proposal)
        better = reached > best
        warps = torch.where(better[:, None], proposal, warps)
        normal = torch.where(better[:, None, None], new_normal, normal)
        gradient = torch.where(better[:, None], new_gradient, gradient)
        best = torch.where(better, reached, best)
        damping = torch.where(better, damping * 0.3, damping * 5)
    return warps


def likeness(moving: Tensor, fixed: Tensor, warps: Tensor) -> tuple[Tensor, Tensor]:
    """How alike the aligned images are: (correlation in 0 to 1, evidence), each (n,).

    `fixed` is fitted by the aligned `moving` and two blurs of it, each channel with its own weights and offset, so that
    brightness, contrast, colour casts and blur leave no residual. Evidence is the sum of Fisher's z of the fit's
    correlation at full detail, of its low frequencies and of its high frequencies; it rises without bound as the
    residual vanishes, up to where 8-bit pixels can tell. Something laid over one of the two is left out where that
    raises the evidence by more than LEAVING_OUT.
    """
    aligned, mask = warp(moving, warps)
    smooth = blur(aligned)
    # Differences, so that a flat picture's regressors are not all but the same.
    regressors = torch.stack([aligned, aligned - smooth, smooth - blur(smooth)], 2)
    bands = _bands(fixed)
    fit = _fit(fixed, regressors, mask)
    alike, evidence = _evidence(bands, fit, mask)
    uncovered = mask
    place = round((1 - COVERED) * (mask[0].numel() - 1)) + 1
    for _ in range(2):
        residual = blur((fixed - fit).square().sum(1, keepdim=True) * mask, 5)
        threshold = residual.flatten(1).kthvalue(place, dim=1).values
        uncovered = mask * (residual <= threshold[:, None, None, None])
        fit = _fit(fixed, regressors, uncovered)
    uncovered_alike, uncovered_evidence = _evidence(bands, fit, uncovered)
    covered = uncovered_evidence - LEAVING_OUT > evidence
    enough = (mask.mean((1, 2, 3)) > MIN_OVERLAP).float()
    alike, evidence = (
        torch.where(covered, uncovered_alike, alike),
        torch.where(covered, uncovered_evidence - LEAVING_OUT, evidence),
    )
    return alike.clamp(min=0) * enough, evidence * enough


def _bands(images: Tensor) -> list[Tensor]:
    """The images at full detail, their low frequencies and their high frequencies."""
    return [images, blur(images), images - blur(images, 5)]


def _evidence(bands: list[Tensor], fit: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Correlation of an image and its fit over the mask, and the sum of Fisher's z over the image's bands."""
    pairs = zip(bands, _bands(fit), strict=True)
    each = torch.stack([correlation(image, fitted, mask) for image, fitted in pairs])
    return each[0], each.clamp(-0.99, 0.9995).atanh().sum(0)


def _centres(pixels: int) -> Tensor:
    """Where the centres of a row of pixels lie, between -1 and 1."""
    return (torch.arange(pixels) + 0.5) * 2 / pixels - 1


def _masked_sum(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum((1, 2, 3))


def _centred(images: Tensor, mask: Tensor) -> Tensor:
    weights = mask / mask.sum((2, 3), keepdim=True).clamp(min=1)
    return images - (images * weights).sum((2, 3), keepdim=True)


def _slopes(images: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives of the images along the grid's x and y, by central differences."""
    height, width = images.shape[2:]
    wide = functional.pad(images, (1, 1, 0, 0), mode="replicate")
    tall = functional.pad(images, (0, 0, 1, 1), mode="replicate")
    return (wide[..., 2:] - wide[..., :-2]) * width / 4, (tall[:, :, 2:] - tall[:, :, :-2]) * height / 4


def _linearised(stacked: Tensor, fixed: Tensor, warps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What a step from these warps needs of the moving images, which are stacked with their slopes.

    The correlation with the fixed images (n,), 0 for too little overlap; and of the residual of these after the best
    gain, J^T J (n, 5, 5) and J^T r (n, 5), with J its derivative by the warp, the gain and the means held still.
    """
    channels, height, width = fixed.shape[1:]
    warped, mask = warp(stacked, warps)
    aligned, along_x, along_y = (warped * mask).split_with_sizes([channels] * 3, 1)
    a, b = _centred(aligned, mask) * mask, _centred(fixed, mask) * mask
    spread, product = a.square().sum((1, 2, 3)), (a * b).sum((1, 2, 3))
    tiny = 1e-6 * a[0].numel()
    reached = product / torch.sqrt((spread + tiny) * (b.square().sum((1, 2, 3)) + tiny))
    gain = product / (spread + 1e-6)
    across, down = _centres(width), _centres(height)[:, None]
    turned = along_y * across * (width / height) - along_x * down * (height / width)
    moved = torch.stack([along_x * across, along_y * down, along_x, along_y, turned], 1).flatten(2)
    normal = gain.square()[:, None, None] * (moved @ moved.transpose(1, 2))
    residual = (b - gain[:, None, None, None] * a).flatten(1)
    gradient = -gain[:, None] * (moved @ residual[:, :, None])[..., 0]
    return reached * (mask.mean((1, 2, 3)) > MIN_OVERLAP), normal, gradient


def _fit(target: Tensor, regressors: Tensor, mask: Tensor) -> Tensor:
    """Least squares over the mask: each channel of `target` on regressors (n, channels, k, h, w) and a constant."""
    weights = (mask / mask.sum((2, 3), keepdim=True).clamp(min=1)).view(len(mask), 1, -1, 1)
    rows, values = regressors.flatten(3), target.flatten(2)[..., None]
    mean, level = rows @ weights, values.transpose(2, 3) @ weights
    rows = rows - mean
    weighted = rows * weights.transpose(2, 3)
    normal = weighted @ rows.transpose(2, 3)
    normal.diagonal(dim1=2, dim2=3).mul_(1 + 1e-6).add_(1e-12)
    solution = torch.linalg.solve(normal, weighted @ (values - level))
    fitted: Tensor = (solution.transpose(2, 3) @ rows + level).reshape_as(target)
    return fitted
