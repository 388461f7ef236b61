"""The incident flow in the gate process: the record, assessments, decisions, holds; one service."""
