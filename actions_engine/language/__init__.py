"""What an analyst may write: expressions, fields, conditions, in what they mean and not in how a file spells them."""
