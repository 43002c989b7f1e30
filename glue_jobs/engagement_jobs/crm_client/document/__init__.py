"""The CRM document: request and responses of a CRM as data, and the requests that are rendered from it."""
