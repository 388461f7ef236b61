"""TLS between the gate and whoever speaks to it: files checked, connections secured, failures put into words.

For both sides, so that a certificate is judged by the same rules wherever it is read. Knows no settings file and no
service; needs grpcio only. Rule: nothing here ever falls back to a connection that is not encrypted.
"""
