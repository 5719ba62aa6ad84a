/** The network namespace of a subscriber. Instances have letters and digits only, so that no two can be mixed up. */
export function namespaceName(instance: string, subscriber: string): string {
  return `tl${instance}-${subscriber}`
}

export function isNamespaceOf(instance: string, namespace: string): boolean {
  return namespace.startsWith(`tl${instance}-`)
}

/** Where iproute2 keeps it. */
export function namespacePath(namespace: string): string {
  return `/run/netns/${namespace}`
}

/** The tunnel's interface: unique on the node, since it is made there, and within the kernel's 15 characters. */
export function interfaceName(instance: string, slot: number): string {
  const name = `tl${instance}w${slot}`
  if (name.length > 15) throw new Error(`the interface name ${name} is longer than 15 characters`)
  return name
}

export function isInterfaceOf(instance: string, name: string): boolean {
  return new RegExp(`^tl${instance}w\\d+$`).test(name)
}
