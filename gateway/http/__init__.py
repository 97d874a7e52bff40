"""What HTTP asks of every request and answer, whatever the call: bodies, headers, codings, conditions, origins."""
