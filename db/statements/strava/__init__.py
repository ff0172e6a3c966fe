"""What is kept of Strava: connections, events, quota, problems."""
