"""Aligning one image with another and measuring the residual: the proof that two images show the same picture.

Images are float32 (n, channels, height, width) in [0, 1]. A warp is (scale_x, scale_y, shift_x, shift_y) in the
sampling grid's coordinates, where the image spans -1 to 1: scales below 1 zoom in.
"""

import torch
from torch import Tensor
from torch.nn import functional

MIN_OVERLAP = 0.4
"""Share of the picture that must be compared for an alignment to count."""
COVERED, LEAVING_OUT = 0.15, 2.0
"""Share of the picture that may be left out as covered by something, and the evidence that this costs."""


def warp(images: Tensor, warps: Tensor) -> tuple[Tensor, Tensor]:
    """Images resampled under warps (n, 4), and masks (n, 1, height, width) of what came from inside them."""
    height, width = images.shape[2:]
    x = warps[:, 0, None] * _centres(width) + warps[:, 2, None]
    y = warps[:, 1, None] * _centres(height) + warps[:, 3, None]
    grid = torch.stack([x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], -1)
    inside = ((x.abs() <= 1)[:, None, None, :] & (y.abs() <= 1)[:, None, :, None]).to(images.dtype)
    return functional.grid_sample(images, grid, "bilinear", "border", align_corners=False), inside


def blur(images: Tensor, size: int = 3) -> Tensor:
    """Box blur that keeps the size."""
    edge = size // 2
    return functional.avg_pool2d(functional.pad(images, (edge, edge, edge, edge), mode="replicate"), size, 1)


def correlation(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Pearson correlation (n,) over the mask, each channel about its own mean; 0 for a blank image."""
    a, b = _centred(a, mask), _centred(b, mask)
    tiny = 1e-6 * a[0].numel()
    norm = torch.sqrt((_masked_sum(a * a, mask) + tiny) * (_masked_sum(b * b, mask) + tiny))
    return _masked_sum(a * b, mask) / norm


def register(moving: Tensor, fixed: Tensor, start: Tensor, steps: int) -> Tensor:
    """Warps (n, 4) of `moving` that best match `fixed` up to gain and offset, by damped Gauss-Newton from `start`.

    A step that does not raise the correlation is not taken, so the result is never worse than the start.
    """
    warps = start.clone()
    damping = torch.full((len(start),), 1e-3)
    residual, best = _misfit(moving, fixed, warps)
    slopes = _slopes(moving)
    for _ in range(steps):
        jacobian = _jacobian(moving, fixed, slopes, warps)
        normal = jacobian.transpose(1, 2) @ jacobian
        gradient = (jacobian.transpose(1, 2) @ residual.flatten(1)[:, :, None])[..., 0]
        diagonal = normal.diagonal(dim1=1, dim2=2)
        step = torch.linalg.solve(normal + torch.diag_embed(diagonal * damping[:, None] + 1e-6), gradient)
        proposal = warps - step.clamp(-0.15, 0.15)
        proposal = torch.cat([proposal[:, :2].clamp(0.6, 1.6), proposal[:, 2:].clamp(-0.5, 0.5)], 1)
        new_residual, reached = _misfit(moving, fixed, proposal)
        better = reached > best
        warps = torch.where(better[:, None], proposal, warps)
        residual = torch.where(better[:, None, None, None], new_residual, residual)
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
    regressors = [aligned, blur(aligned), blur(blur(aligned))]
    fit = _fit(fixed, regressors, mask)
    alike, evidence = _evidence(fixed, fit, mask)
    uncovered = mask
    for _ in range(2):
        residual = blur((fixed - fit).square().sum(1, keepdim=True) * mask, 5)
        threshold = residual.flatten(1).quantile(1 - COVERED, dim=1)
        uncovered = mask * (residual <= threshold[:, None, None, None])
        fit = _fit(fixed, regressors, uncovered)
    uncovered_alike, uncovered_evidence = _evidence(fixed, fit, uncovered)
    covered = uncovered_evidence - LEAVING_OUT > evidence
    enough = (mask.mean((1, 2, 3)) > MIN_OVERLAP).float()
    alike, evidence = (
        torch.where(covered, uncovered_alike, alike),
        torch.where(covered, uncovered_evidence - LEAVING_OUT, evidence),
    )
    return alike.clamp(min=0) * enough, evidence * enough


def _evidence(image: Tensor, fit: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Correlation of an image and its fit over the mask, and the sum of Fisher's z over frequencies."""
    full = correlation(image, fit, mask)
    low = correlation(blur(image), blur(fit), mask)
    high = correlation(image - blur(image, 5), fit - blur(fit, 5), mask)
    return full, torch.stack([full, low, high]).clamp(-0.99, 0.9995).atanh().sum(0)


def _centres(pixels: int) -> Tensor:
    """Where the centres of a row of pixels lie, between -1 and 1."""
    return (torch.arange(pixels) + 0.5) * 2 / pixels - 1


def _masked_sum(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum((1, 2, 3))


def _centred(images: Tensor, mask: Tensor) -> Tensor:
    weights = mask / mask.sum((2, 3), keepdim=True).clamp(min=1)
    return images - (images * weights).sum((2, 3), keepdim=True)


def _misfit(moving: Tensor, fixed: Tensor, warps: Tensor) -> tuple[Tensor, Tensor]:
    """Residual of `fixed` after the best gain on the warped image, and their correlation (0 for too little overlap)."""
    aligned, mask = warp(moving, warps)
    a, b = _centred(aligned, mask), _centred(fixed, mask)
    gain = _masked_sum(a * b, mask) / (_masked_sum(a * a, mask) + 1e-6)
    enough = (mask.mean((1, 2, 3)) > MIN_OVERLAP).float()
    return (b - gain[:, None, None, None] * a) * mask, correlation(fixed, aligned, mask) * enough


def _slopes(images: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives of the images along the grid's x and y, by central differences."""
    height, width = images.shape[2:]
    wide = functional.pad(images, (1, 1, 0, 0), mode="replicate")
    tall = functional.pad(images, (0, 0, 1, 1), mode="replicate")
    return (wide[..., 2:] - wide[..., :-2]) * width / 4, (tall[:, :, 2:] - tall[:, :, :-2]) * height / 4


def _jacobian(moving: Tensor, fixed: Tensor, slopes: tuple[Tensor, Tensor], warps: Tensor) -> Tensor:
    """(n, pixels, 4) derivative of the residual by the warp, the gain and the means held still."""
    n, channels, height, width = moving.shape
    stacked, mask = warp(torch.cat([moving, *slopes], 1), warps)
    aligned, along_x, along_y = stacked.split_with_sizes([channels] * 3, 1)
    a, b = _centred(aligned, mask), _centred(fixed, mask)
    gain = _masked_sum(a * b, mask) / (_masked_sum(a * a, mask) + 1e-6)
    x, y = _centres(width), _centres(height)[:, None]
    moved = torch.stack([along_x * x, along_y * y, along_x, along_y], -1)
    return (-gain[:, None, None, None, None] * moved * mask[..., None]).reshape(n, -1, 4)


def _fit(target: Tensor, regressors: list[Tensor], mask: Tensor) -> Tensor:
    """Least squares of each channel of `target` on the regressors and a constant, over the mask."""
    n, channels, height, width = target.shape
    columns = torch.stack([torch.ones_like(target), *regressors], -1).reshape(n * channels, height * width, -1)
    weights = mask.expand(-1, channels, -1, -1).reshape(n * channels, -1, 1)
    weighted = columns * weights
    normal = weighted.transpose(1, 2) @ columns
    normal += 1e-6 * torch.diag_embed(
        normal.diagonal(dim1=1, dim2=2).mean(1, keepdim=True).expand(-1, normal.shape[1]) + 1e-6
    )
    solution = torch.linalg.solve(normal, weighted.transpose(1, 2) @ target.reshape(n * channels, -1, 1))
    fitted: Tensor = (columns @ solution).reshape_as(target)
    return fitted
