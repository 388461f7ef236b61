"""The material of a review, read from the journal; also beside a running gate. Changes nothing."""
