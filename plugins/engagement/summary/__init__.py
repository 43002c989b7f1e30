"""What a run left behind, the findings about it, its summary and its report."""
