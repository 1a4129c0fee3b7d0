"""The imaging laboratory: what an image shows becomes findings with region, measurement and uncertainty, and these become events."""
