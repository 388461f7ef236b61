"""The way to flat: started, sliced, proven. Where a flatten stands is derived from the state. Pure."""
