import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interfaceName, isInterfaceOf, isNamespaceOf, namespaceName } from './names.ts'

test('no instance takes the things of another for its own', () => {
  const instances = ['a', 'aw', 'aw1', 'main', 'main2']
  for (const mine of instances)
    for (const other of instances) {
      assert.equal(isNamespaceOf(mine, namespaceName(other, 'w1-acme')), mine === other)
      for (const slot of [1, 12, 345]) assert.equal(isInterfaceOf(mine, interfaceName(other, slot)), mine === other)
    }
})

test('an interface name that the kernel would not take is refused', () => {
  assert.equal(interfaceName('sixsix', 99999), 'tlsixsixw99999')
  assert.throws(() => interfaceName('sixsix', 9_999_999), /longer than 15/)
})
