"""The flatten in the gate process: the operator's steps, the executor of each run, what is told of it."""
