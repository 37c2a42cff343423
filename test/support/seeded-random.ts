// The virtual world's randomness, under the name by which tests know it.
export { SeededRandom } from '../../src/world/random.ts'
