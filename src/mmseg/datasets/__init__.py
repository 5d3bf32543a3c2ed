"""Datasets of semantic segmentation, and their transforms. Registered in `mmseg.registry.DATASETS`."""

from mmseg.datasets.ade import ADE20KDataset
from mmseg.datasets.basesegdataset import BaseCDDataset, BaseSegDataset
from mmseg.datasets.bdd100k import BDD100KDataset
from mmseg.datasets.builtin import ShapesDataset
from mmseg.datasets.chase_db1 import ChaseDB1Dataset
from mmseg.datasets.check import check_mask, check_samples
from mmseg.datasets.cityscapes import CityscapesDataset
from mmseg.datasets.coco_stuff import COCOStuffDataset
from mmseg.datasets.dark_zurich import DarkZurichDataset
from mmseg.datasets.dataset_wrappers import MultiImageMixDataset
from mmseg.datasets.decathlon import DecathlonDataset
from mmseg.datasets.drive import DRIVEDataset
from mmseg.datasets.dsdl import DSDLSegDataset
from mmseg.datasets.hrf import HRFDataset
from mmseg.datasets.isaid import iSAIDDataset
from mmseg.datasets.isprs import ISPRSDataset
from mmseg.datasets.levir import LEVIRCDDataset
from mmseg.datasets.lip import LIPDataset
from mmseg.datasets.loveda import LoveDADataset
from mmseg.datasets.mapillary import MapillaryDataset_v1, MapillaryDataset_v2
from mmseg.datasets.night_driving import NightDrivingDataset
from mmseg.datasets.nyu import NYUDataset
from mmseg.datasets.pascal_context import PascalContextDataset, PascalContextDataset59
from mmseg.datasets.potsdam import PotsdamDataset
from mmseg.datasets.refuge import REFUGEDataset
from mmseg.datasets.stare import STAREDataset
from mmseg.datasets.synapse import SynapseDataset
from mmseg.datasets.transforms import (
    CLAHE,
    AdjustGamma,
    Albu,
    BioMedical3DPad,
    BioMedical3DRandomCrop,
    BioMedical3DRandomFlip,
    BioMedicalGaussianBlur,
    BioMedicalGaussianNoise,
    BioMedicalRandomGamma,
    ConcatCDInput,
    GenerateEdge,
    InferencerLoader,
    LoadAnnotations,
    LoadBiomedicalAnnotation,
    LoadBiomedicalData,
    LoadBiomedicalImageFromFile,
    LoadDepthAnnotation,
    LoadImageFromNDArray,
    LoadMultipleRSImageFromFile,
    LoadSingleRSImageFromFile,
    PackSegInputs,
    PhotoMetricDistortion,
    RandomCrop,
    RandomCutOut,
    RandomDepthMix,
    RandomFlip,
    RandomMosaic,
    RandomRotate,
    RandomRotFlip,
    Rerange,
    Resize,
    ResizeShortestEdge,
    ResizeToMultiple,
    RGB2Gray,
    SegRescale,
)
from mmseg.datasets.voc import PascalVOCDataset

__all__ = [
    'ADE20KDataset',
    'AdjustGamma',
    'Albu',
    'BDD100KDataset',
    'BaseCDDataset',
    'BaseSegDataset',
    'BioMedical3DPad',
    'BioMedical3DRandomCrop',
    'BioMedical3DRandomFlip',
    'BioMedicalGaussianBlur',
    'BioMedicalGaussianNoise',
    'BioMedicalRandomGamma',
    'CLAHE',
    'COCOStuffDataset',
    'ChaseDB1Dataset',
    'CityscapesDataset',
    'ConcatCDInput',
    'DRIVEDataset',
    'DSDLSegDataset',
    'DarkZurichDataset',
    'DecathlonDataset',
    'GenerateEdge',
    'HRFDataset',
    'ISPRSDataset',
    'InferencerLoader',
    'LEVIRCDDataset',
    'LIPDataset',
    'LoadAnnotations',
    'LoadBiomedicalAnnotation',
    'LoadBiomedicalData',
    'LoadBiomedicalImageFromFile',
    'LoadDepthAnnotation',
    'LoadImageFromNDArray',
    'LoadMultipleRSImageFromFile',
    'LoadSingleRSImageFromFile',
    'LoveDADataset',
    'MapillaryDataset_v1',
    'MapillaryDataset_v2',
    'MultiImageMixDataset',
    'NYUDataset',
    'NightDrivingDataset',
    'PackSegInputs',
    'PascalContextDataset',
    'PascalContextDataset59',
    'PascalVOCDataset',
    'PhotoMetricDistortion',
    'PotsdamDataset',
    'REFUGEDataset',
    'RGB2Gray',
    'RandomCrop',
    'RandomCutOut',
    'RandomDepthMix',
    'RandomFlip',
    'RandomMosaic',
    'RandomRotFlip',
    'RandomRotate',
    'Rerange',
    'Resize',
    'ResizeShortestEdge',
    'ResizeToMultiple',
    'STAREDataset',
    'SegRescale',
    'ShapesDataset',
    'SynapseDataset',
    'check_mask',
    'check_samples',
    'iSAIDDataset',
]
