import { debian13 } from '../vm/image.ts';
import { describeTour } from '../vm/tour.ts';

describeTour('Debian 13', debian13);
