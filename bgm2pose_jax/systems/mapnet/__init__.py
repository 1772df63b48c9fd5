"""MAPnet: audio of a violin makes poor poses precise."""
