"""Runs of jobs: what they begin with, and what they ask of the server while they go on, whoever holds the job."""
