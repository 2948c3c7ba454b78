"""Records as documents of the Elastic Common Schema, the same for every place that keeps them."""
