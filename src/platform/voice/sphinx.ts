import koffi from 'koffi'

/** Where Debian's pocketsphinx-en-us puts its model. */
const MODEL = '/usr/share/pocketsphinx/model/en-us'

export interface Hypothesis {
  text: string
  /** Posterior of the best path; 1 where the search keeps no lattice. */
  probability: number
}

/**
 * libpocketsphinx, by its own C interface. One decoder, which lives as long as its process: nothing else may be done in a
 * process that has one, since it is C and hears what callers say.
 */
export class Sphinx {
  readonly #c = bind()
  readonly #decoder: unknown

  /** Loads the model; for free speech also its language model, of 27 MB. @throws Error when either is not there */
  constructor(free: boolean) {
    const options = ['-hmm', `${MODEL}/en-us`, '-dict', `${MODEL}/cmudict-en-us.dict`, '-logfn', '/dev/null']
    if (free) options.push('-lm', `${MODEL}/en-us.lm.bin`)
    const argv = ['sphinx', ...options]
    const config = this.#c.parse(null, this.#c.args(), argv.length, argv, 1)
    this.#decoder = config ? this.#c.init(config) : null
    if (!this.#decoder) throw new Error('the model could not be loaded')
  }

  /** Whether the dictionary has the word. */
  knows(word: string): boolean {
    return this.#c.lookup(this.#decoder, word) !== null
  }

  expect(jsgf: string): void {
    const failed = this.#c.jsgf(this.#decoder, 'phrases', jsgf) < 0 || this.#c.search(this.#decoder, 'phrases') < 0
    if (failed) throw new Error('the grammar was not taken')
  }

  start(): void {
    this.#c.start(this.#decoder)
  }

  /** 16 kHz. */
  push(pcm: Int16Array): void {
    this.#c.process(this.#decoder, pcm, pcm.length, 0, 0)
  }

  /** What was understood so far. */
  get text(): string {
    return this.#c.hypothesis(this.#decoder, null) ?? ''
  }

  end(): Hypothesis {
    this.#c.end(this.#decoder)
    const { text } = this
    const probability = this.#c.exp(this.#c.logmath(this.#decoder), this.#c.probability(this.#decoder))
    return { text, probability }
  }
}

function bind() {
  const base = koffi.load('libsphinxbase.so.3', { global: true })
  const sphinx = koffi.load('libpocketsphinx.so.3')
  return {
    args: sphinx.func('void *ps_args()'),
    parse: base.func('void *cmd_ln_parse_r(void *into, void *definitions, int32_t count, char **values, int32_t strict)'),
    init: sphinx.func('void *ps_init(void *config)'),
    lookup: sphinx.func('str ps_lookup_word(void *decoder, str word)'),
    jsgf: sphinx.func('int ps_set_jsgf_string(void *decoder, str name, str grammar)'),
    search: sphinx.func('int ps_set_search(void *decoder, str name)'),
    start: sphinx.func('int ps_start_utt(void *decoder)'),
    process: sphinx.func('int ps_process_raw(void *decoder, const int16_t *pcm, size_t count, int noSearch, int whole)'),
    end: sphinx.func('int ps_end_utt(void *decoder)'),
    hypothesis: sphinx.func('str ps_get_hyp(void *decoder, int32_t *score)'),
    probability: sphinx.func('int32_t ps_get_prob(void *decoder)'),
    logmath: sphinx.func('void *ps_get_logmath(void *decoder)'),
    exp: base.func('double logmath_exp(void *logmath, int value)'),
  }
}
