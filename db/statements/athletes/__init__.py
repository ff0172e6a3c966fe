"""Athletes and their accounts: sign-in, tokens, exports, erasure."""
