"""JSON values, notebooks, mails and XML -> text that reads well."""
