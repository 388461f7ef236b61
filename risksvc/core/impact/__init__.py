"""What an incident has cost: the mathematics of the review. Pure."""
