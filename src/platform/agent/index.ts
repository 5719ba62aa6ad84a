export { AGENT_PROTOCOL, type AgentGateway, type AgentGatewayOptions, createAgentGateway } from './gateway.ts'
export type { VerbName } from './verb.ts'
