"""The gate process: owns the RiskGate and everything that serves it (journal, kill switch, gRPC, HTTP, metrics)."""
