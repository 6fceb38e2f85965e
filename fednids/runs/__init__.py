"""What a run leaves behind: records, the run folder, the result."""
