"""Ways of signing in: local accounts, an OpenID provider, and what keeps guessing out.

Here: who somebody is. Not here: what they may do with a notebook, which the hub service decides.
"""
