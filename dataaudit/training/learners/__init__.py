"""Learning algorithms the audit can train, one file a modality."""
