"""Finding samples that are copies of others, in any modality."""
