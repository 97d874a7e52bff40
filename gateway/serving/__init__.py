"""What uvicorn lacks: refusals in our words, trailers, and logs without secrets."""
