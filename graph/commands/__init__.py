"""What mutations do: check the caller, write in one transaction, hand jobs over after the commit."""
