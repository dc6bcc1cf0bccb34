// Segment's own engine, as shipped, on the benchmark's event and two mappings; nothing goes to the network.
// Prints JSON: microseconds an event by number of mappings.
const fs = require('node:fs')
const path = require('node:path')
const { Destination } = require('@segment/actions-core')

const event = JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'event.json'), 'utf8'))

const at = (where) => ({ '@path': `$.${where}` })
const fallback = (first, second) => ({ '@if': { exists: at(first), then: at(first), else: at(second) } })

const clickMapping = {
  event: at('event'),
  user_id: fallback('userId', 'anonymousId'),
  message_id: at('messageId'),
  sent_at: at('timestamp'),
  title: at('properties.title'),
  revenue: at('properties.revenue'),
  currency: at('properties.currency'),
  products: { '@arrayPath': ['$.properties.products', { sku: at('sku'), price: at('price'), quantity: at('quantity') }] },
  url: at('context.page.url'),
  label: { '@template': '{{event}} on {{context.page.title}}' }
}
const clickerMapping = {
  user_id: at('userId'),
  anonymous_id: at('anonymousId'),
  email: { '@case': { operator: 'lower', value: at('context.traits.email') } },
  username: at('context.traits.username'),
  plan: at('context.traits.plan'),
  ip: at('context.ip'),
  user_agent: at('context.userAgent'),
  traits: at('context.traits')
}

// Every field is text but for these.
const kinds = {
  revenue: { type: 'number' },
  products: { type: 'object', multiple: true },
  traits: { type: 'object' }
}
let payloads = []
const action = (title, mapping, required) => ({
  title,
  description: title,
  fields: Object.fromEntries(
    Object.keys(mapping).map((name) => [
      name,
      { label: name, description: name, type: 'string', required: required.includes(name), ...kinds[name] }
    ])
  ),
  perform: (_request, { payload }) => {
    payloads.push(payload)
    return null
  }
})

const subscription = (number) => {
  const heard = number < 2 ? 'Button Clicked' : `Event ${number}`
  const clicker = number % 2 === 1
  return {
    name: `Mapping ${number}`,
    enabled: true,
    partnerAction: clicker ? 'clicker' : 'click',
    subscribe: `event = "${heard}"` + (clicker ? ' and context.traits != null' : ''),
    mapping: clicker ? clickerMapping : clickMapping
  }
}

async function measure(count, seconds) {
  const destination = new Destination({
    name: 'Bench',
    mode: 'cloud',
    actions: {
      click: action('Click', clickMapping, ['event', 'user_id']),
      clicker: action('Clicker', clickerMapping, ['user_id'])
    }
  })
  const settings = { subscriptions: Array.from({ length: count }, (_, number) => subscription(number)) }
  payloads = []
  await destination.onEvent(event, settings)
  const made = payloads
  if (made.length !== 2) throw new Error(`${made.length} payloads, not 2`)
  let best = Infinity
  const loops = Math.max(5, Math.round(4000 / count))
  const end = process.hrtime.bigint() + BigInt(Math.round(seconds * 1e9))
  while (process.hrtime.bigint() < end) {
    payloads = []
    const start = process.hrtime.bigint()
    for (let turn = 0; turn < loops; turn++) await destination.onEvent(event, settings)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000 / loops)
  }
  return { best, made }
}

async function main() {
  const two = await measure(2, 4)
  const many = await measure(1000, 4)
  process.stdout.write(JSON.stringify({ microseconds: { 2: two.best, 1000: many.best }, payloads: two.made }))
}

main()
