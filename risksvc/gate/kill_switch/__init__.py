"""The kill switch over Redis: what the store holds, how this gate follows it, and when that lets it approve."""
