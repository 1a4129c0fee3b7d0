"""The molecular laboratory: what a genome shows becomes diplotypes, phenotypes, scores and classified variants."""
