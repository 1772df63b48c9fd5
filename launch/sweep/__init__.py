"""The paper's tables, or any grid, as runs that can be stopped and resumed."""
