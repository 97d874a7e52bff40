"""API tokens: what programs log in with. A token can do no more than whoever made it may do at the moment of a call."""
