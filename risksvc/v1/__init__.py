"""The contract (package risksvc.v1), generated from proto/ by `make proto`; never edited by hand."""
