import { debian12Arm64, needsArm64Vm } from '../vm/image.ts';
import { describeTour } from '../vm/tour.ts';

describeTour('Debian 12 on arm64', debian12Arm64, needsArm64Vm);
