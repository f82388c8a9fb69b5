"""What is generated from the types: CRDs, the chart's copies of them and its values schema, the reference pages."""
