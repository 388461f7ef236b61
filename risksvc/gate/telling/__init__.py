"""Who is told of incidents, and how: contacts, the text, the notifier's process, deliveries."""
