// The office's own database, by its own name: the agent is a host of the office's network.
export const crm = {
  host: 'crm.office.lan',
  database: 'crm',
  user: 'crm',
  password: 'crm',
  connectionTimeoutMillis: 1000,
  query_timeout: 1000,
  max: 4,
}

export const company = 'Acme'
