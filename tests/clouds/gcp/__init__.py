"""Google Cloud on loopback: the REST APIs of Compute Engine and Secret Manager, as far as they are used here."""
