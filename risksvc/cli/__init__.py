"""The command line of operators and risk managers."""
