import type { TollClass } from '#platform/words/index.ts'

const plus = (codes: string) => codes.split(/\s+/).map((code) => `+${code}`)

/**
 * The classes of a new installation. What is dear by nature, or has no other use than to be called for the money that it brings to
 * somebody, is denied until the operator allows it; so is what is a number of no country. The lists are by the ITU's country codes (E.164.D)
 * and national numbering plans; the operator adds to them what its own carriers charge for.
 */
export const STANDARD_CLASSES: readonly TollClass[] = [
  {
    name: 'international',
    title: 'All numbers that no other class has',
    prefixes: ['+'],
    policy: 'allowed',
  },
  {
    name: 'premium',
    title: 'Premium rate and personal numbers',
    prefixes: plus(
      `979 1900 1976 3090 31900 31906 31909 3277 3290 3315 3389 34803 34806 34807 34905 34907 35160 351646 351648 351760 351761
       351762 352900 352901 352905 35315 358600 358700 35990 3690 370900 371900 372900 380900 38190 3856 38690 39166 39892 39894
       39895 39899 4090 41900 41901 41906 42090 421900 43900 43901 43930 43931 43939 4470 44871 44872 44873 449 4590 46900 46939
       46944 4782 4870 49137 49900 6119 64900 7809 81990 90900`,
    ),
    policy: 'denied',
  },
  {
    name: 'satellite',
    title: 'Satellites, ships and networks of no country',
    prefixes: plus('870 878 881 882 883'),
    policy: 'denied',
  },
  {
    name: 'high-cost',
    title: 'Countries where calls are dear and mostly not meant',
    prefixes: plus(
      `1264 1268 1284 1473 1649 1664 1758 1767 1784 1868 1869 1876 216 220 222 224 231 232 235 236 239 240 242 243 245 246 247 248
       249 252 257 261 263 265 269 290 291 500 508 509 53 592 670 672 674 675 676 677 678 681 682 683 685 686 687 688 690 691 692
       850 960`,
    ),
    policy: 'denied',
  },
  {
    name: 'unknown',
    title: 'What is no number of any country',
    prefixes: [
      '',
      ...plus(
        `0 210 214 215 217 219 259 28 384 422 424 425 426 427 428 429 693 694 695 696 697 698 699 801 802 803 804 805 806 807 809 83
         851 854 857 858 859 871 872 873 874 875 876 877 879 884 885 887 889 89 978 990 991 997 999`,
      ),
    ],
    policy: 'denied',
  },
]
