"""Per-sample gradients of a module, layer by layer."""
