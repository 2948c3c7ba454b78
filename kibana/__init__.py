"""The dashboards of tracelog: readable sources, and what makes Kibana's saved objects of them."""
