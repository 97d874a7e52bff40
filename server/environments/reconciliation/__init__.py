"""What is stored, compared with what providers report; and what was left behind."""
