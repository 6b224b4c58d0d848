"""What a build does next, and how it ended: decided from what is known of its steps."""
